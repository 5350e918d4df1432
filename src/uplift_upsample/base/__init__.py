"""What everything stands on: joints, cameras, errors, files, strict reading and the records of steps."""
