//! The file system under a program that writes: what it keeps, what it forgets, and what it refuses.

mod forgetting;
mod refusing;
mod scene;
