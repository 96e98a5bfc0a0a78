"""The networks that SimAM's authors publish code for, under the names that their files have."""
