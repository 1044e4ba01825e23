//! Edge: makes it survive the real world. The lesson is in the steps.
