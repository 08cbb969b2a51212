"""One revision a file; the SQL stands beside it under the same number."""
