//! `lanyard network`.

use crate::{Failure, args::NetworkAction, ask, ask::Asked, show};
use lanyard_api::{NetworkProfile, Request, Response};

pub(crate) async fn network(node: &Asked, action: Option<NetworkAction>, json: bool) -> Result<(), Failure> {
    let request = match action.unwrap_or(NetworkAction::List) {
        NetworkAction::List => Request::Networks,
        NetworkAction::Trust { name } => {
            Request::SetNetwork { network: name, profile: NetworkProfile::Trusted }
        }
        NetworkAction::Public { name } => {
            Request::SetNetwork { network: name, profile: NetworkProfile::Public }
        }
    };
    let Response::Networks(networks) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &networks, |networks| show::networks(networks))
}
