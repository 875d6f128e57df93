//! The program itself, killed in the middle.

mod keys;
mod load;
