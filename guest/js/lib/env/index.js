export function install(N) { return { setTimeout() {}, clearTimeout() {}, timer() {}, fetched() {}, fetchFailed() {}, module() {} }; }
