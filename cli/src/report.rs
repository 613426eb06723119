//! What is printed, at which level, and where.
