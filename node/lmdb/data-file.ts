export function checkDataFile(_folder: string): void {}
