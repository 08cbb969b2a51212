"""`python -m sxe_pipeline.cli` is `sxe`, where no script is installed."""

from sxe_pipeline.cli import main

if __name__ == "__main__":
    main()
