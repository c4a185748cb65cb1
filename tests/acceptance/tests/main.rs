//! One acceptance suite for every adapter, over real TCP connections.

mod actix;
mod cache;
mod company;
mod config;
mod csrf;
mod forward;
mod guards;
mod issuer;
mod issuers;
mod keys;
mod login;
mod logs;
mod metadata;
mod parity;
mod profiles;
mod published;
mod refused_keys;
mod renewal;
mod requests;
mod seen;
mod sessions;
mod sign_in;
mod testing;
mod tokens;
mod tower;
