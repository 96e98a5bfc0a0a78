"""Arrays → pixels, chart specifications, figures."""
