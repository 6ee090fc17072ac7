//! Asking the node that runs.

use crate::Failure;
use lanyard_api::{Audience, Event, Grant, Request, Response};
use lanyard_node::{
    Attached,
    names::{self, Named},
};
use lanyard_trust::NodeId;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The node this command talks to.
pub(crate) struct Asked {
    node: Attached,
}

impl Asked {
    /// Reaches the node, or says how to get one.
    pub(crate) async fn connect(data: Option<&Path>) -> Result<Self, Failure> {
        match Attached::connect(data).await {
            Some(node) => Ok(Self { node }),
            None => Err(Failure::said(match data {
                Some(data) => {
                    let data = data.display();
                    format!("Lanyard is not running with {data}. Start it with: lanyard run --data {data}")
                }
                None => "Lanyard is not running. Start it with: lanyard run".to_owned(),
            })),
        }
    }

    pub(crate) async fn ask(&self, request: Request) -> Result<Response, Failure> {
        Ok(self.node.handle(request).await?)
    }

    pub(crate) async fn events(&self) -> Result<mpsc::Receiver<Event>, Failure> {
        Ok(self.node.subscribe().await?)
    }

    /// `home`, `network`, a device nearby, or a device's whole id; each under the same conditions.
    pub(crate) async fn audience(&self, to: &[String], conditions: &Grant) -> Result<Vec<Grant>, Failure> {
        let mut audience = Vec::new();
        if to.is_empty() && *conditions != Grant::to(Audience::Network) {
            // The node would choose whom it is for without conditions; with some it is everyone nearby.
            audience.push(conditions.clone());
        }
        for one in to {
            let who = if one == "network" {
                Audience::Network
            } else if one == "home" {
                Audience::Home
            } else if one.parse::<NodeId>().is_ok() {
                Audience::Device { id: one.to_lowercase() }
            } else {
                Audience::Device { id: self.device(one).await? }
            };
            audience.push(Grant { who, ..conditions.clone() });
        }
        Ok(audience)
    }

    async fn device(&self, query: &str) -> Result<String, Failure> {
        let Response::Nearby(nearby) = self.ask(Request::Nearby).await? else { return Err(odd()) };
        let things: Vec<Named<String>> = nearby
            .devices
            .into_iter()
            .map(|device| Named {
                id: device.id.clone(),
                name: device.name,
                device: String::new(),
                value: device.id,
            })
            .collect();
        Ok(names::find("device", query, &things)?)
    }
}

/// The node answered something else than what was asked: command and node are of different versions.
pub(crate) fn odd() -> Failure {
    Failure::said("The node answered in an unexpected way. Is it of the same version? See: lanyard status")
}

/// A path as the node needs it, whose working directory is another one.
pub(crate) fn absolute(path: &Path) -> Result<String, Failure> {
    let path: PathBuf = std::path::absolute(path)
        .map_err(|error| Failure::said(format!("“{}” is no usable path: {error}.", path.display())))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::said(format!("“{}” is not valid Unicode.", path.to_string_lossy())))
}
