// What goes wrong on purpose, by the build or by the container's SHOP_FAULT:
// {"kind":"none"} · {"kind":"sick","after":0} · {"kind":"failing","share":0.5,"after":100}

/** `after`: so many requests later. */
export function readFault(built) {
  const { kind, share = 1, after = 0 } = JSON.parse(process.env.SHOP_FAULT || built);
  let requests = 0;
  return {
    /** Counts a request, and says whether it fails: evenly spread, so that any number of them has the share. */
    fails() {
      requests += 1;
      const count = requests - after;
      return kind === 'failing' && count > 0 && Math.floor(count * share) > Math.floor((count - 1) * share);
    },
    isSick: () => kind === 'sick' && requests >= after,
  };
}
