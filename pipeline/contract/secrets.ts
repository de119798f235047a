/** Passwords in a URL, each of which is the whole match: in its query, or before its host. */
export const URL_SECRETS = [
  /(?<=[?&](?:ssl)?password=)[^&#]+/gi,
  /(?<=:\/\/[^/?#@]*?:)[^/?#]+(?=@)/g,
] as const;
