"""What can be done with jobs: submit, run, recover, clean up, count what was spent. No Qt, no torch."""
