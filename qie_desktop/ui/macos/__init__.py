"""What a Mac expects of an app; each part does something sensible, or nothing, where there is no Mac."""
