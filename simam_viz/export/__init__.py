"""Pictures, tables, tensors and the report as files; a folder of photos."""
