"""The ground floor: errors, records, files, seeds, specifications. It imports no other room."""
