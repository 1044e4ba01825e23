//! What has to hold of the chapter's designs.
