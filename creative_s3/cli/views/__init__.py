"""Views that several groups share: values of the core as rich renderables. Pure."""
