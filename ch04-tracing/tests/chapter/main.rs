//! What has to hold of the chapter's designs.

mod analysis;
#[cfg(feature = "system")]
mod collector;
mod contexts;
mod exporter;
mod log_lines;
#[cfg(feature = "system")]
mod propagation;
#[cfg(feature = "system")]
mod recorder;
mod request_ids;
mod sampling;
#[cfg(feature = "system")]
mod stored;
mod workload;
