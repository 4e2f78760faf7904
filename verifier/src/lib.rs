//! The verifier.
#![no_std]
