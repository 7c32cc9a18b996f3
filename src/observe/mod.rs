//! What operators see: metrics, access log, logging.
