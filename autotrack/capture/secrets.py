"""Secrets are taken out before anything is written.

A secret is known by its key (``api_key``, ``--password``), by its form (``ghp_...``, a private key block), or as the
user info of a URL. In its place stands ``***:`` and eight hexadecimal digits, a keyed hash of it: equal secrets can be
seen to be equal, in all runs of one user on one machine. The key (`salt`) lies in the user's state folder, never in
a store: a store that is passed on says nothing about them. Keys are judged by their words, not by substrings:
``hub_token`` is a secret; ``num_memory_tokens``, ``pad_token`` and ``tokenizer`` are not.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

MASK = "***:"
_DONE = re.compile(r"\*\*\*:[0-9a-f]{8}")
_MAX_DEPTH = 64

# -- keys ------------------------------------------------------------------------------------------------------------

_LONG_KEY = 200
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_GLUED = re.compile(
    r"(?:password|passwd|passphrase|apikey|secretkey|accesskey|privatekey|encryptionkey|signingkey|accountkey"
    r"|authtoken|accesstoken|refreshtoken|clientsecret)$"
)
_STRONG = frozenset({"secret", "secrets", "credential", "credentials", "creds", "passcode"})
_LAST = frozenset({"authorization", "auth", "bearer", "cookie", "cookies", "jwt", "pwd", "otp"})
# What follows a strong word where the value is about a secret and not the secret itself.
_ABOUT = frozenset(
    """
    length len size count num number min max ttl expiry expires expiration lifetime type kind policy name names
    path paths file files filename dir folder format field fields column columns strength score loss accuracy
    model dataset detector classifier layer layers dim dims dropout manager provider backend store enabled
    required prompt rotation
    """.split()
)
_KEY_OF = frozenset(
    """
    api access secret private encryption signing ssh account storage master auth license deploy shared service
    subscription session client host fernet aes hmac rsa pgp gpg wandb openai comet neptune
    """.split()
)
_PASS_OF = frozenset(
    """
    db database user admin smtp ftp sftp mysql postgres pg redis mongo root login email mail ssh proxy http vnc
    """.split()
)
# `token` in the language sense: <one of these>_token is a piece of text or a number of them.
_TOKEN_OF_TEXT = frozenset(
    """
    pad padding eos bos unk unknown sep cls mask image img audio video start end stop special additional oov
    next last first prev previous per num n max min total boi eoi boa eoa class register distill distillation
    cue prefix suffix word sub subword sentence blank space placeholder fill begin bot_of eot eom sos go newline
    line memory latent prompt query input output target source label text visual vision patch pooling pool
    decoder encoder think reasoning tool time out empty separator delimiter comment eof control draft
    speculative each single one by
    """.split()
)


def is_secret_key(key: str) -> bool:
    """Whether the value under `key` (a param, an option, a variable, a header) is a secret."""
    return _is_secret_key(key) if len(key) <= _LONG_KEY else _is_secret_key(key[-_LONG_KEY:])


@lru_cache(maxsize=8192)
def _is_secret_key(key: str) -> bool:
    if key in ("PWD", "OLDPWD", "pwd"):  # the working directory
        return False
    words = [w.lower() for w in _WORDS.findall(key)]
    if not words:
        return False
    if len(words) > 1 and words[-1] in ("value", "string"):
        words.pop()
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _ABOUT:
        return False
    if any(w in _STRONG or _GLUED.search(w) for w in words):
        return True
    if any(w in ("key", "keys") and of in _KEY_OF for of, w in pairwise(words)):
        return True
    return last in _LAST or _is_secret_last(last, before)


def _is_secret_last(last: str, before: str) -> bool:
    """Judge a key by its last word, where that depends on the word before it."""
    match last:
        case "token":
            return before not in _TOKEN_OF_TEXT
        case "tokens":  # only several of what is certainly a secret
            return before in ("auth", "access", "api", "refresh", "bearer")
        case "passwords":
            return True
        case "pass" | "pw":
            return before in _PASS_OF
        case "signature" | "sig":  # of a signed URL
            return before in ("", "amz", "goog")
        case _:
            return False


# -- forms -----------------------------------------------------------------------------------------------------------

_FORMS = (
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS access key id
    r"gh[pousr]_[A-Za-z0-9]{36,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"gl(?:pat|dt|rt|ft|cbt|ptt|soat|agent|imt|oas)-[A-Za-z0-9_.-]{20,}",  # GitLab
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-\d-[A-Za-z0-9-]{10,}",
    r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    r"api_org_[A-Za-z0-9]{30,}",
    r"sk-(?:proj|svcacct|admin|None|or-v1|ant-[a-z]+\d\d)-[A-Za-z0-9_-]{20,}",  # OpenAI, OpenRouter, Anthropic
    r"sk-[A-Za-z0-9]{32,}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"AIza[A-Za-z0-9_-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"pypi-Ag[A-Za-z0-9_-]{50,}",  # PyPI
    r"npm_[A-Za-z0-9]{36}",  # npm
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",  # Docker
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",  # SendGrid
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Token
    r"dapi[0-9a-f]{32}",  # Databricks
    r"do[oprt]_v1_[0-9a-f]{64}",  # DigitalOcean
    r"r8_[A-Za-z0-9]{37}",  # Replicate
    r"gsk_[A-Za-z0-9]{40,}",  # Groq
    r"pplx-[A-Za-z0-9]{40,}",  # Perplexity
    r"nvapi-[A-Za-z0-9_-]{50,}",  # NVIDIA
    r"wandb_v\d_[A-Za-z0-9_]{30,}",  # Weights & Biases
    r"hvs\.[A-Za-z0-9_-]{24,}",  # Vault
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",  # age
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"\d{8,10}:AA[A-Za-z0-9_-]{33}",  # Telegram bot
)
# One of these is in every text that has one of the forms: looking for fixed text is far faster than the expression.
_MARKS = tuple(
    """
    AKIA ASIA ABIA ACCA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glft- glcbt- glptt- glsoat- glagent-
    glimt- gloas- xox xapp- hf_ api_org_ sk- k_live_ k_test_ AIza ya29. GOCSPX- pypi- npm_ dckr_ SG. eyJ dapi _v1_ r8_
    gsk_ pplx- nvapi- wandb_v hvs. AGE- shpat_ shpca_ shppa_ shpss_ :AA
    """.split()
)


@cache
def _token() -> re.Pattern[str]:
    """Return the expression for all forms; compiled once a text has one of the marks."""
    return re.compile(r"(?<![A-Za-z0-9])(?=[AGSadeghnprswxy\d])(?:" + "|".join(_FORMS) + ")")


_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_SLACK_HOOK = re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}")
_BEARER = re.compile(r"(?i)(?<=\bbearer )(?=[^\s\"']*\d)[A-Za-z0-9._~+/=-]{16,}")

# The second form is an authority whose "port" is no port: a password with a raw `/`, `?` or `#` in it.
_USER_INFO = re.compile(
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<info>[^\s/?#\"'<>]*)|(?P<odd>[^\s/?#\"'<>@:]*:(?!\d{1,5}[/?#])[^\s\"'<>]*))@"
)
# Without a password, the user of these is only a name; elsewhere (https://TOKEN@host) it may be all there is.
_NAMED_USER = frozenset({"ssh", "git+ssh", "ssh+git", "svn+ssh", "hg+ssh", "sftp", "scp", "rsync", "git"})
_DATABASES = ("postgres", "mysql", "mariadb", "mssql", "oracle", "mongodb")
_QUERY = re.compile(r"(?<=[?&;#])([^\s=&?#;\"']{1,100})=([^\s&;#\"'<>]+)")

_HINTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "auth",
    "cookie",
    "jwt",
    "bearer",
    "sig=",
    "signature",
    "otp",
)
_QUOTED = re.compile(
    r"""(?<![\w.-])(?P<key>[A-Za-z_][\w.-]{0,100})["']?\s*[:=]\s*(?P<quote>["'])(?P<value>.*?)(?<!\\)(?P=quote)"""
)
_ASSIGNED = re.compile(
    r"""(?<![\w.-])-{0,2}(?P<key>[A-Za-z_][\w.-]{0,100})=(?P<value>[^\s&;,"'()\[\]{}<>]++)(?![(\[])"""
)
_HEADER = re.compile(r"(?m)^[ \t]*(?P<key>[A-Za-z][\w-]{0,100}):[ \t]+(?P<value>[^\s\"'\[{][^\r\n]*)$")


def mask(secret: str | bytes, salt: bytes | None = None) -> str:
    """Return what stands in the place of a secret: ``***:`` and 8 hex digits of BLAKE2b keyed with `salt`."""
    import hashlib

    data = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
    return MASK + hashlib.blake2b(data, key=(salt or _user_key())[:64], digest_size=4).hexdigest()


@cache
def _user_key() -> bytes:
    """Return the key of this user's masks, made where there is none; one of this process where none can be kept."""
    import tempfile
    from pathlib import Path

    fresh = os.urandom(16)
    with contextlib.suppress(OSError, RuntimeError):  # no home, a read-only one
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "autotrack"
        state.mkdir(parents=True, exist_ok=True)
        path = state / "masks.key"
        if not path.exists():
            number, unfinished = tempfile.mkstemp(dir=state)  # readable for this user only
            with os.fdopen(number, "wb") as file:
                file.write(fresh)
            with contextlib.suppress(FileExistsError):  # of several processes the first one's counts
                os.link(unfinished, path)
            os.unlink(unfinished)
        if len(key := path.read_bytes()) == len(fresh):
            return key
    return fresh


def redact_text(text: str, *, salt: bytes | None = None) -> str:
    """Return a text with every recognizable secret masked; the same object where there is none."""

    def whole(match: re.Match[str]) -> str:
        return mask(match[0], salt)

    def assigned(match: re.Match[str]) -> str:
        value = match["value"]
        if _DONE.fullmatch(value) or not value or value.lower() in _PLAIN or not is_secret_key(match["key"]):
            return match[0]
        start, end = match.span("value")
        return match[0][: start - match.start()] + mask(value, salt) + match[0][end - match.start() :]

    if len(text) < 8:
        return text
    result = text
    if "-----BEGIN" in result:
        result = _BLOCK.sub(whole, result)
    if "://" in result:
        result = redact_url(result, salt=salt)
    lowered = result.lower()
    if any(hint in lowered for hint in _HINTS):
        result = _BEARER.sub(whole, result)
        for pattern in (_QUOTED, _ASSIGNED, _HEADER):
            result = pattern.sub(assigned, result)
    return _redact_forms(result, salt)


def _redact_forms(text: str, salt: bytes | None) -> str:
    if not any(mark in text for mark in _MARKS):
        return text
    return _token().sub(lambda m: mask(m[0], salt), text)


_PLAIN = frozenset({"", "none", "null", "nil", "true", "false", "yes", "no"})


def redact_url(url: str, *, salt: bytes | None = None) -> str:
    """Return a URL (or a text with URLs in it) with user info and secret query values masked.

    A user name without a password stays where it is no secret (``ssh://git@host``, database URLs).
    """

    def user_info(match: re.Match[str]) -> str:
        info = match["info"] if match["info"] is not None else match["odd"]
        scheme = match["scheme"].lower()
        if not info or _DONE.fullmatch(info):
            return match[0]
        if ":" not in info and (scheme in _NAMED_USER or scheme.startswith(_DATABASES)):
            return match[0]
        return f"{match['scheme']}://{mask(info, salt)}@"

    def query(match: re.Match[str]) -> str:
        if _DONE.fullmatch(match[2]) or not (is_secret_key(match[1]) or match[1].lower() == "key"):
            return match[0]
        return f"{match[1]}={mask(match[2], salt)}"

    result = _USER_INFO.sub(user_info, url) if "@" in url else url
    if "=" in result:
        result = _QUERY.sub(query, result)
    result = _SLACK_HOOK.sub(lambda m: mask(m[0], salt), result)
    return _redact_forms(result, salt)


def redact_argv(argv: Sequence[str], *, salt: bytes | None = None) -> list[str]:
    """Return arguments with secrets masked: ``--api-key X``, ``--api-key=X``, ``trainer.token=X`` and known forms."""
    result: list[str] = []
    awaited = False  # the previous argument was an option whose value is a secret
    for argument in argv:
        option, equals, value = argument.partition("=")
        if awaited and not (argument.startswith("--") and len(argument) > 2):
            result.append(mask(argument, salt))
            awaited = False
        elif (
            equals and value and not any(c.isspace() for c in option) and "://" not in option and is_secret_key(option)
        ):
            result.append(
                f"{option}={value if value.lower() in _PLAIN or _DONE.fullmatch(value) else mask(value, salt)}"
            )
            awaited = False
        else:
            awaited = not equals and argument.startswith("-") and is_secret_key(argument)
            result.append(redact_text(argument, salt=salt))
    return result


def redact(value: Any, key: str = "", *, salt: bytes | None = None) -> Any:
    """Return a param or variable with secrets masked, judged by its key and, for text, by its form.

    None, booleans and empty text are never secrets. Mappings, lists and tuples are gone through.
    """
    return _redact(value, bool(key) and is_secret_key(key), salt, 0)


def redact_mapping(values: Mapping[Any, Any], *, salt: bytes | None = None) -> dict[Any, Any]:
    """Return a copy of a mapping (params, headers, environment variables) with secrets masked, at any depth."""
    return {k: _redact(v, isinstance(k, str) and is_secret_key(k), salt, 0) for k, v in values.items()}


def holds_secrets(values: Mapping[Any, Any]) -> bool:
    """Whether something in plain values would be masked before it is written."""
    return redact_mapping(values) != dict(values)


def _redact(value: Any, secret: bool, salt: bytes | None, depth: int) -> Any:
    kind = type(value)
    if value is None or kind is bool or (kind is float and not secret) or (kind is int and not secret):
        return value
    if isinstance(value, str):
        value = str.__str__(value)
        if not secret:
            return redact_text(value, salt=salt)
        return value if value.lower() in _PLAIN or _DONE.fullmatch(value) else mask(value, salt)
    if depth < _MAX_DEPTH:
        if kind is dict:
            return {
                k: _redact(v, secret or (type(k) is str and is_secret_key(k)), salt, depth + 1)
                for k, v in value.items()
            }
        if kind is list or kind is tuple:
            return kind([_redact(v, secret, salt, depth + 1) for v in value])
    if not secret:
        return value
    return mask(value if isinstance(value, bytes) else repr(value), salt)
