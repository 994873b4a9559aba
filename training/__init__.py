"""The starter's training program: pictures, operations, wordings, three networks, export, measuring."""
