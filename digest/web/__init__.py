"""The readers' pages: read the request, call one function, show what it returns."""
