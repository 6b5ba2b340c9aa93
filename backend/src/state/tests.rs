//! Tests of the model and of the rules.
