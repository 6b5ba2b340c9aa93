//! Tests of the environment.
