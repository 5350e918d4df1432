"""Networks of your own. Each module here is one: a class of options that also makes its layers (docs/changing.md)."""
