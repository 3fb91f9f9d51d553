"""The core: everything creative-s3 does, without a screen, a prompt or a look at the environment."""
