// Workers for pages that are opened from a disk, where browsers start none: the script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inner = frame.contentWindow
      inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inner.importScripts = (...urls) => urls.reduce((before, one) => before.then(() => load(inner, one)), Promise.resolve())
      this.inner = inner
      this.ready = load(inner, url)
    }

    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })))
    }
  }

  function load(inner, url) {
    return new Promise(resolve => {
      const script = inner.document.createElement("script")
      script.src = new URL(url, location.href).href
      script.onload = resolve
      inner.document.body.append(script)
    })
  }
}
