"""``python -m creative_s3`` is ``creative-s3``."""

from creative_s3.cli.entry import main

if __name__ == "__main__":
    main()
