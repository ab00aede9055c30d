// lib/env/url.js against Node's own URL, URLSearchParams and node:url.

import assert from "node:assert/strict";
import nodeUrl from "node:url";
import { test } from "node:test";

import { URL as Mine, URLSearchParams as MyParams, nodeUrl as mine } from "../lib/env/url.js";

const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
const look = (Class, input, base) => {
  try {
    const url = new Class(input, base);
    return Object.fromEntries(PARTS.map((name) => [name, url[name]]));
  } catch (error) {
    return `${error.name} ${error.code}`;
  }
};

const ALONE = [
  "http://example.com", "http://example.com/", "HTTP://EXAMPLE.com:80/a", "https://example.com:443/a", "https://example.com:80/a", "ws://h:80", "wss://h:443",
  "wss://h:80/x?y#z", "ftp://h:21/", "ftp://h:22/", "http://user@h/", "http://user:pass@h/", "http://:pass@h/", "http://user:@h/", "http://:@h/", "http://@h/",
  "http://a@b@c/", "http://a:b:c@d/", "http://a b@c/", "http://us%20er:p%40ss@h/", "http://u;=[]^|:p;=[]^|@h/", "http://u'\"<>`{}@h/", "http://@", "http://a@", "http://",
  "http:///", "http:///x", "http:/x/y", "http:x", "http:\\\\x\\y", "http://h\\a\\..\\b", "http:////x////y", "  http://x/  ", "\thttp://x/\n", "ht\ntp://x\t/\ry", "http://x y/",
  "http://x/y z", "http://x/%", "http://x/%zz", "http://x/%41", "http://x/a%2fb", "http://x/ä", "http://x/\u{1f600}", "http://x/\ud800", "http://x/?ä#ä", "http://x/?'\"<>`{}^|",
  "http://x/#'\"<>`{}^|", "http://x/'\"<>`{}|\\", "foo://x/'\"<>`{}|\\?'\"<>#\"", "http://x/.", "http://x/..", "http://x/./a", "http://x/../a", "http://x/a/..", "http://x/a/../", "http://x/a/./",
  "http://x/a/b/../../../c", "http://x/%2e", "http://x/%2E%2e/a", "http://x/.%2e/a", "http://x/a/%2e%2E", "http://x/a/.../b", "http://x/a//..//b", "http://x/..a/.b./..", "http://x?", "http://x#", "http://x?#",
  "http://x/?a=b&c=d#e?f", "http://x/#a#b", "http://x??a", "http://x:", "http://x:/", "http://x:0", "http://x:00080", "http://x:65535", "http://x:65536", "http://x:99999999999", "http://x:a",
  "http://x:8a/", "http://x:-1", "http://x: 80", "http://:80", "http://x:80:80", "http://1.2.3.4", "http://1.2.3", "http://1.2", "http://1", "http://0x7f.1", "http://0x7F.0.0.0x1", "http://017700000001",
  "http://0177.1", "http://4294967295", "http://4294967296", "http://256", "http://256.1", "http://1.256.1.1", "http://1.2.3.256", "http://1.2.65536", "http://1.2.3.4.5", "http://1.2.3.4.",
  "http://1.2.3.4..", "http://0x", "http://0x.0x", "http://0xg", "http://08", "http://1.2.3.08", "http://a.08", "http://a.1", "http://a.0x1", "http://a.0xg", "http://1.2.3.a", "http://0..1",
  "http://.1", "http://1.", "http://00000000000000000000000001", "http://0x00000000000000000000000000001", "http://99999999999999999999", "http://%30x7f.1", "http://１２７.0.0.1", "http://[::1]", "http://[::1]:80", "http://[::1]:8080/", "http://[1:2:3:4:5:6:7:8]",
  "http://[1:2:3:4:5:6:7]", "http://[1:2:3:4:5:6:7:8:9]", "http://[1::8]", "http://[1:0:0:4:0:0:0:8]", "http://[1:0:0:4:5:0:0:8]", "http://[1:0:3:4:5:6:7:8]", "http://[::]", "http://[0:0:0:0:0:0:0:0]", "http://[1:2:3:4:5:6:7::]", "http://[::2:3:4:5:6:7:8]",
  "http://[1::2::3]", "http://[:1]", "http://[1:]", "http://[1:::2]", "http://[12345::]", "http://[g::]", "http://[::1.2.3.4]", "http://[::1.2.3]", "http://[::1.2.3.4.5]", "http://[::1.2.3.256]",
  "http://[::1.2.3.04]", "http://[1:2:3:4:5:6:1.2.3.4]", "http://[1:2:3:4:5:6:7:1.2.3.4]", "http://[::FFFF:1.2.3.4]", "http://[::1.2.3.4:5]", "http://[::.1.2.3]", "http://[::1", "http://::1]", "http://[]", "http://[::1]x",
  "http://[::1%25eth0]", "http://x[::1]", "foo://[::1]:80/x", "foo://[x]/", "http://ex%41mple.com", "http://a%2fb", "http://a%00b", "http://a%", "http://a%25b", "http://a<b", "http://a>b", "http://a^b",
  "http://a|b", "http://a`b", "http://a{b}", "http://a'b", "http://a\"b", "http://a*b", "http://a_b", "http://a,b;c=d&e+f$g!h(i)~", "http://a..b", "http://.a", "http://a.", "http://-a-/", "http://a\x7fb/", "http://a\0b",
  "http://a%ffb", "http://a%c3%a4.de", "http://münchen.de", "http://MÜNCHEN.DE/ä", "http://faß.de", "http://FASS.de", "http://βόλος.com", "http://ΒΌΛΟΣ.com", "http://日本語。jp", "http://ｅｘａｍｐｌｅ．ｃｏｍ", "http://例え.テスト", "http://a\u00adb.com",
  "http://xn--mnchen-3ya.de", "http://XN--MNCHEN-3YA.de", "http://xn--a", "http://xn--", "http://xn--zzzzzzzzz", "http://xn--ls8h.la", "http://💩.la", "http://\u0301a.com", "http://a\u200db.com", "http://नी\u200dक", "http://क्\u200dष.com",
  "http://\u05d0\u05d1.com", "http://a\u05d0.com", "http://\u0627\u0644.com", "http://ﬁ.com", "http://℡.com", "http://K.com", "http://İ.com", "http://a\u3000b", "http://a\u2028b", "http://\ufffd.com", "http://\ud800.com", "http://a℀b", "http://e\u0301.com", "http://é.com",
  "http://\u00ad", "http://россия.рф", "http://한국.kr", "http://sub.例え.com:8080/パス?ク=エ#フ", "file:", "file:///", "file://", "file:/", "file:x", "file:///a/b", "file://host/a", "file://localhost/a", "file://LOCALHOST", "file://h:80/", "file:///C:/a/../..", "file:///C|/a",
  "file:C:/a", "file:/C|/..", "file://C:/a", "file://C|/a", "file:///C:", "file:\\\\h\\a", "file:?q", "file:#f", "file:////a", "file://%43/", "file:///..//a", "file://1.2", "file://a@b/",
  "mailto:a@b.c", "javascript:alert(1)", "data:text/plain,a b?c d#e f", "data: x ", "data:x #f", "data:x ?q", "about:blank", "urn:a:b#ä", "foo:ä\"<>", "foo:", "foo:/", "foo:/..", "foo:/a/../b", "foo://", "foo:///", "foo:///a", "foo://h", "foo://h/", "foo://H/A/../b",
  "foo://h:80", "foo://h:/", "foo://:80", "foo://u:p@h:1/", "foo://u@/", "foo://ä/", "foo://a b/", "foo://a%zz/", "foo://a<b/", "foo://a\\b/", "foo:\\a", "foo://h\\a", "foo:/.//p", "foo:/a/..//p", "foo://h//p", "foo:?q", "foo:#f", "foo://h?q#f", "foo://a^b",
  "blob:https://a.b:1/c", "blob:http://x/", "blob:foo", "blob:ftp://x/", "blob:", "1http://x", "+http://x", "h+t-t.p://x/", "h_t://x", ":", "://x", "", " ", "/", "//x", "#a", "?a", "x", "c:/x", "c|/x", "http", "http:", "https:", "ws:", "a:b:c", "http://x/\u0000\u0001\u001f\u007f\u0080",
];
const BASES = ["http://u:p@a.b:81/c/d;p?q#f", "https://a", "file:///C:/a/b", "file://h/a/b", "foo://h/a/b?q#f", "foo:/a/b", "foo:a?q", "mailto:x", "http://a/b/", "about:blank", "not a base"];
const RELATIVE = ["", " ", "x", "./x", "../x", "../../../x", "/x", "//x", "///x", "//x:1/y", "\\x", "\\\\x", "/\\x", "?y", "#y", "?", "#", "?y#z", "x?y#z", ".", "..", "../", "./", "x/..", "x/./y", "http:x", "http:/x", "http://x",
  "http:", "https:x", "file:x", "file:/x", "file:..", "C:/x", "C|/x", "/C|/x", "/C:", "C|", "C|x", "file:C|/x", "file:?y", "file:#y", "foo:x", "foo:/x", "foo:", "//", "//@", "//u@h", "g;x=1/../y", "%2e%2e/x", "a b", "ä", "x:y", "1:2", "//[::1]", "///C|/x", "//C|/x", "/..//x", ".//x"];

// Where Node 20 departs from the standard (bidi rule, spaces at the end of opaque paths, empty paths after "..", relative
// to opaque paths, hosts of other schemes), what the standard says.
const STANDARD = {
  "http://a\u05d0.com": "TypeError ERR_INVALID_URL", "data:x #f": "data:x%20#f", "data:x ?q": "data:x%20?q", "foo:/..": "foo:/",
  "?y#z on foo:a?q": "TypeError ERR_INVALID_URL", "x?y#z on foo:a?q": "TypeError ERR_INVALID_URL",
  "?y#z on mailto:x": "TypeError ERR_INVALID_URL", "x?y#z on mailto:x": "TypeError ERR_INVALID_URL",
  "?y#z on about:blank": "TypeError ERR_INVALID_URL", "x?y#z on about:blank": "TypeError ERR_INVALID_URL",
  "foo://h/a host=:80": "foo://h/a", "foo://h host=:80": "foo://h", "foo://h:1/a host=:80": "foo://h:1/a", "foo://u@h/a host=:80": "foo://u@h/a",
  "foo://h/a pathname=..": "foo://h/", "foo://h pathname=..": "foo://h/", "foo:/a pathname=..": "foo:/", "foo:///a pathname=..": "foo:///",
  "foo://h:1/a pathname=..": "foo://h:1/", "foo://u@h/a pathname=..": "foo://u@h/", "foo:/a host=": "foo:///a", "foo:/a hostname=": "foo:///a",
  "foo:/a host=y:82": "foo://y:82/a", "foo:/a host=y:443": "foo://y:443/a", "foo:/a host=y:9x": "foo://y:9/a", "foo:/a host=[::1]:3": "foo://[::1]:3/a",
  "foo:///a host=y:82": "foo://y:82/a", "foo:///a host=y:443": "foo://y:443/a", "foo:///a host=y:9x": "foo://y:9/a", "foo:///a host=[::1]:3": "foo://[::1]:3/a",
};
const differ = (what, a, b) => (what in STANDARD ? (a.href ?? a) !== STANDARD[what] : JSON.stringify(a) !== JSON.stringify(b));

test("parses as Node does", () => {
  const wrong = [];
  for (const input of ALONE) {
    const [a, b] = [look(Mine, input), look(URL, input)];
    if (differ(input, a, b)) wrong.push({ input, mine: a.href ?? a, node: b.href ?? b });
    assert.equal(Mine.canParse(input), typeof a === "object");
    if (typeof a === "object") assert.equal(new Mine(a.href).href, a.href, "what it shows is read again");
  }
  assert.ok(ALONE.length > 300);
  assert.deepEqual(wrong, []);
});

test("resolves as Node does", () => {
  const wrong = [];
  for (const base of BASES) {
    for (const input of RELATIVE) {
      const [a, b] = [look(Mine, input, base), look(URL, input, base)];
      if (differ(`${input} on ${base}`, a, b)) wrong.push({ input, base, mine: a.href ?? a, node: b.href ?? b });
    }
  }
  assert.deepEqual(wrong, []);
});

test("sets as Node does", () => {
  const urls = ["http://u:p@a.b:81/c/d?q#f", "https://x/", "file:///a", "file://h/a", "foo://h/a", "foo://h", "foo:/a", "foo:///a", "mailto:x", "data:a b?q#f", "ws://1.2.3.4:5", "foo://h:1/a", "foo://u@h/a"];
  const values = {
    protocol: ["https", "HTTP:", "ftp:x", "file", "foo", "bar:", "", "1", "a b", "wss\n", "é"],
    username: ["", "x", "a b:@/", "ä"], password: ["", "x", "a b:@/", "ä"],
    host: ["", "y", "y:82", "y:443", "y:x", "y:9x", ":80", "y/z", "y?z", "y#z", "y\\z", "a b", "[::1]:3", "[::1", "1.2", "u@h", "ä.de", "x:99999", "x:"],
    hostname: ["", "y", "y:82", ":80", "y/z", "y\\z", "[::1]", "0x7f.1", "ÄB", "localhost", "a%41"],
    port: ["", "1", "80", "443", "65536", "9x", "x", "1/2", " 1", "\n8\t2", "0009", "-1"],
    pathname: ["", "/", "x", "/x/../y", "..", "a b?c#d", "\\x\\y", "//x", "%2e%2e/z", "ä", "C|/x"],
    search: ["", "?", "x", "?x=y", "??", "a b#c'", "ä"], hash: ["", "#", "x", "##", "a b`", "ä"],
    href: ["http://n/", "foo:x", "nothing", ""],
  };
  const wrong = [];
  for (const href of urls) {
    for (const [name, all] of Object.entries(values)) {
      for (const value of all) {
        const [a, b] = [Mine, URL].map((Class) => {
          const url = new Class(href);
          try {
            url[name] = value;
          } catch (error) {
            return error.code;
          }
          return url.href;
        });
        if (differ(`${href} ${name}=${value}`, a, b)) wrong.push({ href, name, value, mine: a, node: b });
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("URLSearchParams is as Node's", () => {
  const inits = ["", "?", "a=b", "?a=b&c", "a=b=c&&=&=x&a", "a+b=c%20d", "%zz=%&%ff=%c3%a4", "ä=\ud800", "a=%F0%9F%98%80%f0%9f", "%e0%80x%ed%a0%80%f4%90%80%80%c0%af", { a: 1, b: "x y" }, [["a", "b"], ["a", "c"]], new Map([["k", "v"]]), undefined, null, 5,
    [["a"]], [1], [["a", "b", "c"]], { [Symbol.iterator]: 1 }];
  for (const init of inits) {
    const [a, b] = [MyParams, URLSearchParams].map((Class) => {
      try {
        const params = new Class(init);
        return [params.toString(), [...params], params.size];
      } catch (error) {
        return [error.name, error.code];
      }
    });
    assert.deepEqual(a, b, JSON.stringify(init));
  }
  const ways = [MyParams, URLSearchParams].map((Class) => {
    const params = new Class("z=1&a=2&z=3&b=*-._~!'()&\ufffd=1&\u{1f600}=2");
    const log = [];
    const step = (value) => log.push([value, params.toString()]);
    step(params.get("z"));
    step(params.get("none"));
    step(params.getAll("z"));
    step([params.has("z"), params.has("z", "3"), params.has("z", "4"), params.has("q", undefined)]);
    step(params.append("z", 4));
    step(params.set("z", "one"));
    step(params.delete("a", "no"));
    step(params.delete("a", "2"));
    params.append("a", "b c");
    step(params.sort());
    params.forEach((value, name, self) => step([value, name, self === params]));
    step([[...params.keys()], [...params.values()], [...params.entries()]]);
    const seen = [];
    for (const [name] of params) {
      seen.push(name);
      if (seen.length === 1) params.append("late", "");
    }
    step(seen);
    for (const name of ["append", "get", "set", "has", "delete"]) {
      try {
        params[name]();
      } catch (error) {
        step([error.name, error.code, error.message]);
      }
    }
    step(Object.prototype.toString.call(params));
    return log;
  });
  assert.deepEqual(ways[0], ways[1]);
});

test("searchParams are live", () => {
  const logs = [Mine, URL].map((Class) => {
    const url = new Class("http://x/?a=~b c#h");
    const log = [];
    const params = url.searchParams;
    log.push(url.href, params === url.searchParams);
    params.append("ä", "1 2");
    log.push(url.href);
    url.search = "?q=1";
    log.push([...params], url.href);
    params.delete("q");
    log.push(url.href);
    url.href = "http://y/?z";
    log.push([...params], JSON.stringify({ url }), `${url}`, Object.keys(url), "href" in url);
    return log;
  });
  assert.deepEqual(logs[0], logs[1]);
});

test("parse gives null, the constructor an error that says what", () => {
  assert.equal(Mine.parse("x"), null);
  assert.equal(Mine.parse("x", "http://h/").href, "http://h/x");
  assert.throws(() => new Mine("x"), { name: "TypeError", message: "Invalid URL", code: "ERR_INVALID_URL", input: "x" });
  assert.throws(() => new Mine("x", "y"), { code: "ERR_INVALID_URL", base: "y" });
  assert.throws(() => new Mine(), { code: "ERR_MISSING_ARGS", message: 'The "url" argument must be specified' });
});

test("long input costs time in proportion", () => {
  const begun = performance.now();
  assert.equal(new Mine(`http://x/${"../a/ä ".repeat(50_000)}?${" ".repeat(200_000)}x`).search.length, 600_002);
  assert.equal(Mine.canParse(`http://${"ä".repeat(200_000)}/`), false);
  assert.equal(Mine.canParse(`http://[${":".repeat(500_000)}]/`), false);
  assert.equal(Mine.canParse(`http://${"1.".repeat(200_000)}/`), false);
  assert.equal(Mine.canParse(`${" ".repeat(1_000_000)}x`), false);
  assert.ok(performance.now() - begun < 10_000);
});

test("node:url", () => {
  for (const path of ["/a/b", "/a b/ä%?#\\", "/a/../b/", "/", "/x//y", "/\n\t"]) {
    assert.equal(mine.pathToFileURL(path).href, nodeUrl.pathToFileURL(path).href, path);
    assert.equal(mine.fileURLToPath(mine.pathToFileURL(path)), nodeUrl.fileURLToPath(nodeUrl.pathToFileURL(path)), path);
  }
  for (const url of ["file:///a%20b", "http://x", "file://h/a", "file:///a%2fb", 5, null]) {
    const [a, b] = [mine, nodeUrl].map((from) => {
      try {
        return from.fileURLToPath(url);
      } catch (error) {
        return [error.name, error.code];
      }
    });
    assert.deepEqual(a, b, String(url));
  }
  const texts = ["http://u:p@H:80/p/a?x=1&x=2&y#h", "/p?q", "//h/p", "x", "?a", "#b", "mailto:a@b", "HTTP://H", "http://h?q", "http://[::1]:3/x", "a:b", "javascript:alert('x')", "http://h/a b\"c", "redis://:pw@h:6379/0", "", "http://münchen.de/ü", "file:///a/b", "http:\\\\h\\a?b\\c"];
  for (const text of texts) {
    for (const how of [[false], [true], [false, true]]) {
      assert.deepEqual({ ...mine.parse(text, ...how) }, { ...nodeUrl.parse(text, ...how) }, text);
    }
    assert.equal(mine.format(text), nodeUrl.format(text), text);
  }
  for (const parts of [{ protocol: "http", hostname: "h", port: 80, pathname: "a", query: { a: [1, 2], b: "x y" } }, { protocol: "mailto", pathname: "x@y" }, { host: "h", slashes: true, hash: "x", search: "a#b" }, { protocol: "file", pathname: "/a" }, { auth: "a:b", hostname: "::1", protocol: "foo:", slashes: true }, {}]) {
    assert.equal(mine.format(parts), nodeUrl.format(parts), JSON.stringify(parts));
  }
  const href = "http://u:p@xn--mnchen-3ya.de/a?b#c";
  for (const options of [{}, { auth: false }, { fragment: false, search: false }, { unicode: true }]) {
    assert.equal(mine.format(new Mine(href), options), nodeUrl.format(new URL(href), options));
  }
  for (const [from, to] of [["/one/two", "three"], ["http://a/b", "/c"], ["http://a/b", "http://c/d"], ["a/b", "c"]]) assert.equal(mine.resolve(from, to), nodeUrl.resolve(from, to));
  for (const domain of ["münchen.de", "a b", "EXAMPLE.com", "xn--mnchen-3ya.de"]) {
    assert.equal(mine.domainToASCII(domain), nodeUrl.domainToASCII(domain), domain);
    assert.equal(mine.domainToUnicode(domain), nodeUrl.domainToUnicode(domain), domain);
  }
  assert.deepEqual({ ...mine.urlToHttpOptions(new Mine("http://u:p@[::1]:8/x?y#z")) }, { ...nodeUrl.urlToHttpOptions(new URL("http://u:p@[::1]:8/x?y#z")) });
});
