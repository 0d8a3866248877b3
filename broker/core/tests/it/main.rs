//! The router from outside: against a naive model, at its limits, and under deliberate faults.

mod across_shards;
mod allocation;
mod determinism;
mod exclusions;
mod limits;
mod many_groups;
mod mesh;
mod mesh_checks;
mod mesh_operations;
mod mesh_property;
mod mesh_trial;
mod model;
mod mutants;
mod names;
mod once_across_shards;
mod operations;
mod permissions;
mod plans;
mod pressure;
mod property;
mod queue_groups;
mod route_cache;
mod teardown;
mod world;
