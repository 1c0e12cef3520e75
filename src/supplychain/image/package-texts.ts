const texts = [
  /^\/var\/lib\/dpkg\/(?:status|info\/[^/]+\.list|status\.d\/[^/]+)$/,
  /^\/(?:usr\/)?lib\/apk\/db\/installed$/,
  /\/node_modules\/(?:@[^/]+\/)?[^/@][^/]*\/package\.json$/,
  /\/[^/]+\.(?:dist-info\/(?:METADATA|RECORD)|egg-info\/(?:PKG-INFO|installed-files\.txt))$/,
]

const rpmDatabase = /^\/(?:var\/lib|usr\/lib\/sysimage)\/rpm\/(?:rpmdb\.sqlite|Packages(?:\.db)?)$/

/** Whether a file of an image is rpm's database, in one of its forms. */
export function isRpmDatabase(path: string): boolean {
  return rpmDatabase.test(path)
}

/** Whether a file of an image lists its packages, or the files of a package. */
export function isPackageText(path: string): boolean {
  return texts.some((pattern) => pattern.test(path))
}
