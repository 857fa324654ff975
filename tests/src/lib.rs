//! What the end-to-end tests share: where fixtures lie and how they are read.
