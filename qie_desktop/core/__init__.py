"""What all else stands on: models as data, requests, jobs, events, errors, sizes. Standard library only."""
