// Counts what an editor could leave behind. Runs before anything else on the page.

window.left = { listeners: 0, observers: 0, frames: 0, timers: 0 };

{
  const { left } = window;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const known = new WeakMap();
  const keyOf = (type, listener, options) => `${type} ${Boolean(options?.capture ?? options === true)}`;

  EventTarget.prototype.addEventListener = function add(type, listener, options) {
    const keys = known.get(listener) ?? new Map();
    known.set(listener, keys);
    const key = keyOf(type, listener, options);
    const targets = keys.get(key) ?? new Set();
    keys.set(key, targets);
    if (!targets.has(this) && !options?.signal?.aborted) {
      targets.add(this);
      left.listeners += 1;
      const gone = () => { left.listeners -= targets.delete(this) ? 1 : 0; };
      if (options?.signal) addEventListener.call(options.signal, "abort", gone);
      if (options?.once) addEventListener.call(this, type, gone, { once: true });
    }
    return addEventListener.call(this, type, listener, options);
  };
  EventTarget.prototype.removeEventListener = function remove(type, listener, options) {
    if (known.get(listener)?.get(keyOf(type, listener, options))?.delete(this)) left.listeners -= 1;
    return removeEventListener.call(this, type, listener, options);
  };

  const { observe, disconnect } = ResizeObserver.prototype;
  const observing = new Set();
  ResizeObserver.prototype.observe = function start(...values) {
    observing.add(this);
    left.observers = observing.size;
    return observe.apply(this, values);
  };
  ResizeObserver.prototype.disconnect = function stop() {
    observing.delete(this);
    left.observers = observing.size;
    return disconnect.call(this);
  };

  const counted = (start, stop, name) => {
    const [started, stopped, pending] = [window[start], window[stop], new Set()];
    const count = () => { left[name] = pending.size; };
    window[start] = (callback, ...rest) => {
      const id = started.call(window, (...values) => {
        pending.delete(id);
        count();
        callback(...values);
      }, ...rest);
      pending.add(id);
      count();
      return id;
    };
    window[stop] = (id) => {
      pending.delete(id);
      count();
      stopped.call(window, id);
    };
  };
  counted("requestAnimationFrame", "cancelAnimationFrame", "frames");
  counted("setTimeout", "clearTimeout", "timers");
}
