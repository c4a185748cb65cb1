//! Fetched keys: against a certified OpenID provider, and against key servers that mean harm.

mod adapters;
mod background;
mod bound;
mod examples;
mod hostile;
mod introspection;
mod introspection_mtls;
mod introspection_provider;
mod logout;
mod people;
mod people_elsewhere;
mod private_ca;
mod provider;
mod seen;
mod tenants;
mod ways_out;
