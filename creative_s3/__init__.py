"""creative-s3: moves a creative pipeline's asset cache to S3, proves every byte, prices every step first.

Public names load lazily, so that importing the package costs next to nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
