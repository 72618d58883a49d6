"""What is captured of a run besides what is logged: environment, code, data; secrets are taken out."""
