"""One audit from its plan to its graded answers, each stage a function that leaves a file."""
