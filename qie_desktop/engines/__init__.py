"""What makes pictures: one package for each place where models run, behind one protocol."""
