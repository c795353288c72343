//! What is allowed in a campaign: the rules of all campaigns, which files are held against too, and those of the
//! catalog beside them.

use super::account::Account;
use super::campaign::{Audience, Campaign, General, LandingUrl, Location, MessageType};
use super::document::{pointer_of, text};
use crate::domain::campaign::{AccountSpec, AppSpec, CampaignSpec, RunMode};
use crate::domain::ids::{AccountId, AppId, CampaignId};
use crate::domain::problem::Fault;
use crate::snapshot::source::campaign_spec;
use crate::snapshot::source::shape::{AudienceShape, CampaignShape};

/// Location blocks that a campaign may have.
pub(crate) const MAX_LOCATIONS: usize = 5;

/// Advertising ids that a campaign may address by themselves.
pub(crate) const MAX_OWN_DEVICES: usize = 20;

/// The longest address that common browsers and push services take.
const MAX_URL_LEN: usize = 2048;

/// Every field of a campaign that is not allowed.
pub(super) fn faults(campaign: &Campaign, account: &Account) -> Vec<Fault> {
    let mut faults = text("/name", &campaign.name, 100, true);
    faults.extend(text("/client_code", &campaign.client_code, 100, false));
    if let Err(errors) = engine_spec(campaign, account, RunMode::Running) {
        let fault = |finding: crate::snapshot::source::Finding| {
            Fault::new(pointer_of(&finding.field), finding.what)
        };
        let told: Vec<Fault> = errors.findings.into_iter().map(fault).collect();
        let known = |fault: &Fault| !matches!(&*fault.pointer, "/name" | "/client_code");
        faults.extend(told.into_iter().filter(known));
    }
    faults.extend(audience(&campaign.audience));
    faults.extend(locations(&campaign.locations));
    faults.extend(messages(campaign));
    faults.extend(landing_urls(campaign));
    faults
}

/// The campaign as the engine's rules see it. It watches everything until the compiler says what.
pub(crate) fn engine_spec(
    campaign: &Campaign,
    account: &Account,
    mode: RunMode,
) -> Result<CampaignSpec, crate::snapshot::source::SourceErrors> {
    let apps: Vec<AppId> = campaign.apps.iter().copied().map(AppId).collect();
    let shape = CampaignShape {
        id: CampaignId(0),
        account: None,
        name: campaign.name.clone(),
        client_code: campaign.client_code.clone(),
        mode,
        apps: Some(apps.clone()),
        audience: match &campaign.audience {
            Audience::All | Audience::Segment(_) => AudienceShape::All,
            Audience::Devices(devices) => AudienceShape::Devices(devices.clone()),
        },
        test_devices: campaign.test_devices.clone(),
        blacklist: campaign.blacklist,
        targets: None,
        trigger: campaign.trigger.clone(),
        start: campaign.start.clone(),
        end: campaign.end.clone(),
        windows: campaign.windows.clone(),
        frequency: campaign.frequency,
        priority: campaign.priority,
        holdout_pct: campaign.holdout_pct,
        total_limit: campaign.total_limit,
        max_accuracy_m: campaign.max_accuracy_m,
        push_ttl_s: campaign.push_ttl_s,
        messages: campaign.messages.clone(),
    };
    let owner = AccountSpec {
        time_zone: account.time_zone.clone(),
        // Whether these are apps of the account is for the links to say.
        apps: apps.into_iter().map(any_app).collect(),
        ..AccountSpec::measuring(AccountId(0))
    };
    campaign_spec(shape, &owner)
}

fn any_app(id: AppId) -> AppSpec {
    AppSpec { id, package: "any".to_owned(), platform: "android".to_owned() }
}

fn audience(audience: &Audience) -> Vec<Fault> {
    match audience {
        Audience::Devices(devices) if devices.len() > MAX_OWN_DEVICES => {
            let detail = format!(
                "audience.devices has {} ids; allowed: 1 to {MAX_OWN_DEVICES}; upload more as a segment",
                devices.len()
            );
            vec![Fault::new("/audience/devices", detail)]
        }
        Audience::All | Audience::Segment(_) | Audience::Devices(_) => Vec::new(),
    }
}

fn locations(blocks: &[Location]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !(1..=MAX_LOCATIONS).contains(&blocks.len()) {
        let detail =
            format!("locations has {} blocks; allowed: 1 to {MAX_LOCATIONS}", blocks.len());
        faults.push(Fault::new("/locations", detail));
    }
    for (at, block) in blocks.iter().enumerate() {
        let pointer = format!("/locations/{at}");
        faults.extend(match block {
            Location::General(general) => general_block(general, &pointer),
            Location::Residential(home) if home.regions.is_empty() => {
                let detail = "residential.regions is empty; allowed: at least one district";
                vec![Fault::new(format!("{pointer}/residential/regions"), detail)]
            }
            Location::Residential(_) => Vec::new(),
        });
    }
    faults
}

fn general_block(general: &General, pointer: &str) -> Vec<Fault> {
    let pointer = format!("{pointer}/general");
    if general.nationwide && general.has_areas() {
        let detail = "nationwide and areas exclude each other; allowed: one of the two";
        return vec![Fault::new(format!("{pointer}/nationwide"), detail)];
    }
    if !general.nationwide && !general.has_areas() && !general.has_stores() {
        let detail = "the block names nothing; allowed: regions, geofences or groups, or brands, categories or \
                      places, or both sides, or nationwide";
        return vec![Fault::new(pointer, detail)];
    }
    Vec::new()
}

fn messages(campaign: &Campaign) -> Vec<Fault> {
    let mut faults = Vec::new();
    let count = campaign.messages.len();
    let (least, most, kind) = match campaign.message_type {
        MessageType::None => (0, 0, "none"),
        MessageType::External => (0, 0, "external"),
        MessageType::Text => (1, 2, "text"),
        MessageType::TextImage => (1, 2, "text_image"),
    };
    if !(least..=most).contains(&count) {
        let allowed =
            if most == 0 { "none".to_owned() } else { "one, or two for an A/B test".to_owned() };
        let detail = format!("there are {count} messages of the type {kind}; allowed: {allowed}");
        faults.push(Fault::new("/messages", detail));
    }
    for (at, message) in campaign.messages.iter().enumerate() {
        let pointer = format!("/messages/{at}/image_url");
        match (campaign.message_type, &message.image_url) {
            (MessageType::TextImage, None) => {
                faults.push(Fault::new(
                    pointer,
                    "image_url is missing; allowed: the address of an image of 2:1",
                ));
            }
            (MessageType::Text, Some(_)) => {
                faults.push(Fault::new(pointer, "a message of the type text has no image; allowed: null, or the type text_image"));
            }
            _ => {}
        }
        if campaign.locations.len() > 1 {
            let coded = [("title", &message.title), ("body", &message.body)];
            for (field, _template) in coded.into_iter().filter(|(_, text)| text.contains("${")) {
                let detail = "codes stand for the place of the match, so a campaign that has some has one block of \
                              locations; allowed: no codes, or one block";
                faults.push(Fault::new(format!("/messages/{at}/{field}"), detail));
            }
        }
    }
    faults
}

fn landing_urls(campaign: &Campaign) -> Vec<Fault> {
    let mut faults = Vec::new();
    if campaign.messages.is_empty() && !campaign.landing_urls.is_empty() {
        let detail =
            "there is no message whose click could lead anywhere; allowed: none, or a message";
        faults.push(Fault::new("/landing_urls", detail));
    }
    for (at, LandingUrl { app, url }) in campaign.landing_urls.iter().enumerate() {
        let pointer = format!("/landing_urls/{at}");
        if !campaign.apps.contains(app) {
            let detail = format!("app is {app}; allowed: the apps of the campaign");
            faults.push(Fault::new(format!("{pointer}/app"), detail));
        }
        if campaign.landing_urls.iter().take(at).any(|earlier| earlier.app == *app) {
            let detail = format!("app {app} has an address already; allowed: one for each app");
            faults.push(Fault::new(format!("{pointer}/app"), detail));
        }
        let plain = !url.chars().any(|one| one.is_whitespace() || one.is_control());
        if url.is_empty() || url.len() > MAX_URL_LEN || !plain {
            let detail = format!(
                "url has {} characters; allowed: 1 to {MAX_URL_LEN} without blanks",
                url.len()
            );
            faults.push(Fault::new(format!("{pointer}/url"), detail));
        }
    }
    faults
}
