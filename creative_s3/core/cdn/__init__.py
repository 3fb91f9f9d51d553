"""CloudFront: planning invalidations, and sending them."""
