const PICTURE = /^data:image\/|^https?:\/\/[^?#]+\.(?:png|jpe?g|gif|webp)(?:[?#]|$)/i;

/** Whether a message's file is shown to models as a picture. */
export const isPicture = (file: string): boolean => PICTURE.test(file);
