"""Pictures as files and as pixels: opening, joining, fitting, embedding, thumbnails."""
