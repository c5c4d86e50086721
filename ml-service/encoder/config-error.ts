/** The error for an encoder that cannot work as it is set up. */

/** Nothing will change before someone changes the configuration, the files or what is installed: the message says what to do. */
export class EncoderConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EncoderConfigError";
  }
}
