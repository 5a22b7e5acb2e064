//! The one retry and rate-limit layer.
