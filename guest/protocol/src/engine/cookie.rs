//! The cookie with the session id that the answer to a polling handshake may set (reference: option
//! `cookie`, written as the npm package `cookie` does). Pure.

/// What is set, beside the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub path: Option<String>,
    pub domain: Option<String>,
    pub max_age: Option<i64>,
    /// A date as HTTP writes it.
    pub expires: Option<String>,
    pub http_only: bool,
    pub secure: bool,
    pub partitioned: bool,
    /// `Low`, `Medium` or `High`.
    pub priority: Option<&'static str>,
    /// `Strict`, `Lax` or `None`.
    pub same_site: Option<&'static str>,
}

impl Default for Cookie {
    fn default() -> Self {
        Cookie {
            name: "io".to_owned(),
            path: Some("/".to_owned()),
            domain: None,
            max_age: None,
            expires: None,
            http_only: true,
            secure: false,
            partitioned: false,
            priority: None,
            same_site: Some("Lax"),
        }
    }
}

impl Cookie {
    /// The value of `Set-Cookie`. Session ids need no encoding.
    pub fn serialize(&self, sid: &str) -> String {
        let mut text = format!("{}={sid}", self.name);
        let mut attribute = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                text.push_str("; ");
                text.push_str(name);
                text.push('=');
                text.push_str(value);
            }
        };
        let max_age = self.max_age.map(|seconds| seconds.to_string());
        attribute("Max-Age", max_age.as_deref());
        attribute("Domain", self.domain.as_deref());
        attribute("Path", self.path.as_deref());
        attribute("Expires", self.expires.as_deref());
        for (flag, name) in [
            (self.http_only, "; HttpOnly"),
            (self.secure, "; Secure"),
            (self.partitioned, "; Partitioned"),
        ] {
            if flag {
                text.push_str(name);
            }
        }
        let mut attribute = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                text.push_str(&format!("; {name}={value}"));
            }
        };
        attribute("Priority", self.priority);
        attribute("SameSite", self.same_site);
        text
    }
}

/// Whether it can be a cookie's path: visible characters but `;` and `<`, and spaces.
pub fn is_path(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x20..=0x3a | 0x3d..=0x7e))
}

/// Whether it can be a cookie's domain: labels of letters, digits and hyphens; a dot may be in front.
pub fn is_domain(text: &str) -> bool {
    let labels = text.strip_prefix('.').unwrap_or(text);
    text.len() <= 255
        && labels.split('.').all(|label| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Whether it is a date such as `Wed, 21 Oct 2026 07:28:00 GMT`.
pub fn is_date(text: &str) -> bool {
    let shape = "aaa, 00 aaa 0000 00:00:00 GMT";
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, like)| match like {
                b'a' => byte.is_ascii_alphabetic(),
                b'0' => byte.is_ascii_digit(),
                _ => byte == like,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_the_order_of_the_reference() {
        assert_eq!(
            Cookie::default().serialize("abc"),
            "io=abc; Path=/; HttpOnly; SameSite=Lax"
        );
        let all = Cookie {
            name: "sid".into(),
            path: Some("/a".into()),
            domain: Some("example.com".into()),
            max_age: Some(60),
            expires: Some("Wed, 21 Oct 2026 07:28:00 GMT".into()),
            http_only: true,
            secure: true,
            partitioned: true,
            priority: Some("High"),
            same_site: Some("None"),
        };
        assert_eq!(
            all.serialize("x"),
            "sid=x; Max-Age=60; Domain=example.com; Path=/a; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; \
             Secure; Partitioned; Priority=High; SameSite=None"
        );
    }

    #[test]
    fn parts_are_checked() {
        assert!(is_path("/a b") && !is_path("/;") && !is_path("/\n"));
        assert!(is_domain("example.com") && is_domain(".a-b.example"));
        assert!(!is_domain("") && !is_domain("a..b") && !is_domain("-a.b") && !is_domain("a; b"));
        assert!(is_date("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert!(!is_date("Wed, 21 Oct 2026 07:28:00 CET") && !is_date("tomorrow"));
    }
}
