"""How it looks: spacing, type sizes, colours and icons, in one place."""
