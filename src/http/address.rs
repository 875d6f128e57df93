//! Where a request comes from: the address of the connection, or what a proxy of ours says about it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName};

use crate::config::{Forwarded, Http};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever sent a request.
///
/// What a header says counts only when the connection comes from a proxy that the settings name, and only the
/// header that the settings name: a proxy passes on what it does not write itself. The list is read from its
/// end, as far as it was written by our proxies. What cannot be read ends it.
pub fn of(extensions: &Extensions, headers: &HeaderMap, settings: &Http) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let mut caller = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
    let is_ours = |address: IpAddr| settings.proxies.iter().any(|proxy| proxy.contains(&address));
    if !is_ours(caller) {
        return caller;
    }
    let hops = match settings.forwarded {
        Forwarded::XForwardedFor => hops(headers, &X_FORWARDED_FOR, |element| Some(element)),
        Forwarded::Forwarded => hops(headers, &axum::http::header::FORWARDED, for_of),
    };
    for hop in hops.into_iter().rev() {
        let Some(address) = hop else { break };
        caller = address;
        if !is_ours(caller) {
            break;
        }
    }
    caller
}

/// The network that limits count for one caller: the address itself, of IPv6 its first 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// What one customer of a network's provider may have: of IPv6 the first 48 bits, as wide as such networks usually are
/// (RFC 6177); of IPv4 the address itself.
pub fn site(address: IpAddr) -> IpAddr {
    match network(address) {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// The addresses of a header in their order, over all its lines; `None` for what is none.
fn hops(headers: &HeaderMap, name: &HeaderName, pick: impl Fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for value in headers.get_all(name) {
        match value.to_str() {
            Ok(value) => hops.extend(value.split(',').map(|element| pick(element).and_then(address))),
            Err(_) => hops.push(None),
        }
    }
    hops
}

/// The `for` of an element of `Forwarded` (RFC 7239).
fn for_of(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })
}

/// An address with or without a port, in quotes or brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = |text: &str| text.parse::<IpAddr>().ok();
    let with_port = |text: &str| text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let address = bare(text).or_else(|| with_port(text)).or_else(|| bracketed(text))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::config::Settings;

    fn seen(peer: &str, forwarded: Forwarded, lines: &[(&'static str, &'static str)]) -> String {
        let mut settings = Settings::load("test", None, &[]).expect("settings").http;
        settings.proxies = ["10.0.0.0/8", "fd00::/8"]
            .map(|net| net.parse().expect("a network"))
            .to_vec();
        settings.forwarded = forwarded;
        let mut extensions = Extensions::new();
        let peer: IpAddr = peer.parse().expect("an address");
        extensions.insert(ConnectInfo(SocketAddr::new(peer, 4711)));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        of(&extensions, &headers, &settings).to_string()
    }

    #[test]
    fn a_header_counts_only_from_a_proxy_of_ours() {
        let spoofed = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        for forwarded in [Forwarded::XForwardedFor, Forwarded::Forwarded] {
            assert_eq!(seen("198.51.100.7", forwarded, &spoofed), "198.51.100.7");
            assert_eq!(seen("10.1.2.3", forwarded, &spoofed), "192.0.2.1");
            assert_eq!(seen("::ffff:10.1.2.3", forwarded, &spoofed), "192.0.2.1");
            assert_eq!(seen("10.1.2.3", forwarded, &[]), "10.1.2.3");
        }
    }

    #[test]
    fn what_the_caller_wrote_in_front_does_not_count() {
        let x = Forwarded::XForwardedFor;
        for (list, caller) in [
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1, 10.9.9.9", "192.0.2.1"),
            ("10.7.7.7, 10.9.9.9", "10.7.7.7"),
            ("203.0.113.9, nonsense", "10.1.2.3"),
            ("203.0.113.9, nonsense, 10.9.9.9", "10.9.9.9"),
            ("192.0.2.1:8080", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("", "10.1.2.3"),
        ] {
            assert_eq!(seen("10.1.2.3", x, &[("x-forwarded-for", list)]), caller, "{list}");
        }
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(seen("10.1.2.3", x, &lines), "192.0.2.1", "lines are one list");
        let other = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(
            seen("10.1.2.3", x, &other),
            "192.0.2.1",
            "only the header of the settings"
        );
    }

    #[test]
    fn the_standard_header_is_read_in_all_its_forms() {
        for (value, caller) in [
            ("for=192.0.2.1;proto=https;by=10.1.1.1", "192.0.2.1"),
            ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("proto=https; for=\"192.0.2.1:80\"", "192.0.2.1"),
            ("for=203.0.113.9, for=_hidden", "10.1.2.3"),
            ("for=unknown", "10.1.2.3"),
        ] {
            assert_eq!(
                seen("10.1.2.3", Forwarded::Forwarded, &[("forwarded", value)]),
                caller,
                "{value}"
            );
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let network = |text: &str| super::network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
