"""The version of this software, as reports and exported files state it."""

VERSION = "0.3.0"
